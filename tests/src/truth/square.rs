//! Square: what landed is what is true.
