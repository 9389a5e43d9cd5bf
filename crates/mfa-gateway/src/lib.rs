//! The gateway: login pages, reverse proxy, configuration, command line and the demo

pub mod pages;
