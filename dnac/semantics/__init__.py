"""The meaning of a spec: names, params, shapes, routing; AST to Graph."""
