"""Members of one network trained side by side against one after another."""
