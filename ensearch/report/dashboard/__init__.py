"""The Optuna dashboard of a storage, served read-only."""
