//! The gateway as a process: real sockets, a real database, the simulated Karaden.

mod access_log;
mod audit;
mod check_config;
mod command_line;
mod connections;
mod events;
mod full_disk;
mod harness;
mod login;
mod manners;
mod pages;
mod paths;
mod provider;
mod proxy;
mod races;
mod refusals;
mod restart;
mod routes;
mod users;
