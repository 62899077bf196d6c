"""The results of a confirmation: computed first, then written as text and files."""
