"""What the workflows in .github say to people: comments on pull requests, notes of a release. Reads files,
writes text."""
