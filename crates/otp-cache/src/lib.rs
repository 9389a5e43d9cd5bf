//! Contracts for storing one-time-code challenges and quotas, with memory, SQLite and Redis backends
