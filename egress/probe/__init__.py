"""What a real cluster does to the flows of the plan: asked by short Jobs, and held against the verdicts."""
