//! The gateway as a process: real sockets, a real database, the simulated Karaden.

mod audit;
mod command_line;
mod connections;
mod events;
mod full_disk;
mod harness;
mod heads;
mod login;
mod manners;
mod pages;
mod paths;
mod provider;
mod proxy;
mod races;
mod restart;
mod users;
