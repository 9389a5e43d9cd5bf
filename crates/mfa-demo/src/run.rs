//! Running the demo.

use crate::{
    demo::Demo,
    options::{Mode, Options},
    output::print,
    timings::Timings,
    walk,
};

/// Runs the demo until `stop` is ready or the walk ends. Returns whether every step succeeded.
///
/// # Errors
///
/// When an address is in use or not a loopback address, when the data folder belongs to a real gateway,
/// or when a part does not start.
pub async fn run(
    options: &Options,
    stop: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<bool> {
    if options.mode == Mode::Walk {
        let timings = Timings::start();
        let demo = Demo::start(options).await?;
        let went_well = walk::walk(&demo, &timings).await?;
        demo.stop().await;
        return Ok(went_well);
    }
    let demo = Demo::start(options).await?;
    let facts =
        if options.mode == Mode::Json { demo.as_json()? } else { demo.as_words(options.sender) };
    print(&facts)?;
    stop.await?;
    demo.stop().await;
    Ok(true)
}
