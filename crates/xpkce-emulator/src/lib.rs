//! A strict local stand-in for X.
