"""What objects say, found by what is asked: hosts, routes, pods, ranges, rules."""
