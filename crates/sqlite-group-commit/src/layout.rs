//! The tables of a file, and the file's mark.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, ErrorKind};

/// What a file has to contain: the mark of its program, and the steps that make its tables.
///
/// The mark is `PRAGMA application_id`, and the number of steps done is `PRAGMA user_version`. A new
/// file gets all steps in one transaction, an older one those that it lacks. A file with another
/// mark, or with more steps than `migrations` has, is refused and stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    application_id: i32,
    migrations: &'static [&'static str],
}

/// Whether an empty file may become a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmptyFile {
    Fill,
    Refuse,
}

/// What a file says about itself.
struct Found {
    application_id: i32,
    /// The number of migrations done.
    version: i32,
    tables: i32,
}

impl Layout {
    /// Describes the files of one program.
    ///
    /// Each migration is a batch of SQL without `BEGIN` and `COMMIT`. Never change one after its
    /// release: append another.
    ///
    /// # Panics
    ///
    /// If `application_id` is 0, which SQLite gives to every file without a mark, or if there is no
    /// migration.
    pub const fn new(application_id: i32, migrations: &'static [&'static str]) -> Self {
        assert!(application_id != 0, "0 is no mark");
        assert!(!migrations.is_empty(), "a layout has at least one migration");
        Self { application_id, migrations }
    }

    /// Brings the file to the newest layout, in one transaction.
    pub(crate) fn apply(&self, connection: &mut Connection, empty: EmptyFile) -> Result<(), Error> {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::of_file)?;
        let found = Found::read(&transaction).map_err(Error::of_file)?;
        let done = if found.is_empty() {
            match empty {
                EmptyFile::Fill => 0,
                EmptyFile::Refuse => return Err(Error::truncated()),
            }
        } else {
            self.migrations_done(&found)?
        };
        let newest = u32::try_from(self.migrations.len()).unwrap_or(u32::MAX);
        let migrate = || {
            for migration in &self.migrations[done..] {
                transaction.execute_batch(migration)?;
            }
            transaction.pragma_update(None, "application_id", self.application_id)?;
            transaction.pragma_update(None, "user_version", newest)
        };
        if done < self.migrations.len() {
            migrate().map_err(Error::of_file)?;
        }
        transaction.commit().map_err(Error::of_file)
    }

    /// Refuses a file that is not of the newest layout. Writes nothing.
    pub(crate) fn check(&self, connection: &Connection) -> Result<(), Error> {
        let found = Found::read(connection).map_err(Error::of_file)?;
        if found.is_empty() {
            return Err(Error::truncated());
        }
        if self.migrations_done(&found)? < self.migrations.len() {
            return Err(unknown_layout());
        }
        Ok(())
    }

    /// Returns how many migrations a file of this program has; refuses any other file.
    fn migrations_done(&self, found: &Found) -> Result<usize, Error> {
        if found.application_id != self.application_id {
            return Err(Error::new(
                ErrorKind::ForeignFile,
                "the database file belongs to another program",
            ));
        }
        match usize::try_from(found.version) {
            Ok(done) if (1..=self.migrations.len()).contains(&done) => Ok(done),
            _ => Err(unknown_layout()),
        }
    }
}

impl Found {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |query| connection.query_row(query, [], |row| row.get(0));
        Ok(Self {
            application_id: number("PRAGMA application_id")?,
            version: number("PRAGMA user_version")?,
            tables: number("SELECT count(*) FROM sqlite_schema")?,
        })
    }

    fn is_empty(&self) -> bool {
        (self.application_id, self.version, self.tables) == (0, 0, 0)
    }
}

const fn unknown_layout() -> Error {
    Error::new(ErrorKind::UnknownLayout, "the database file has the layout of another version")
}
