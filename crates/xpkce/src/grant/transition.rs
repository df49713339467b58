//! The one table of how a grant moves from state to state.
