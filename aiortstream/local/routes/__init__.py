"""The HTTP face: one module a resource, each a thin layer from wire shapes to a service and back."""
