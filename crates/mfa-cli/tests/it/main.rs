//! The gateway as a process: real sockets, a real database, the simulated Karaden.

mod access_log;
mod audit;
mod check_config;
mod command_line;
mod connections;
mod events;
mod full_disk;
mod hardening;
mod harness;
mod heads;
mod listening;
mod login;
mod manners;
mod pages;
mod paths;
mod provider;
mod proxy;
mod races;
mod refusals;
mod reload;
mod restart;
mod routes;
mod service_manager;
mod serving;
mod stop;
mod users;
