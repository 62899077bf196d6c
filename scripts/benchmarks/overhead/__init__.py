"""What everything around training costs: time of the verbs, of the driver, and memory."""
