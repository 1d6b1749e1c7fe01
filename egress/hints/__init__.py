"""What to change so that a flow's verdict turns: proposed from the plan, and printed only after it was tried."""
