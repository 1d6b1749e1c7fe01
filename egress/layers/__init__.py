"""One file per layer, in the order a packet meets them. Each has `render(plan)`: the objects that the layer
adds."""
