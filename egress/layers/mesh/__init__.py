"""Objects of Istio, one file for each thing that they make true."""
