"""What people read of a proof, each answer by itself: explain, reach, evidence, the map, advice."""
