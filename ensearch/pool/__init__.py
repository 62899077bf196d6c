"""Models that exist, trained here or elsewhere, and what can be made of them untrained."""
