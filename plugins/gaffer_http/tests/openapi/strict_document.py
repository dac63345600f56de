"""The OpenAPI document, made strict for comparisons with real responses."""


def forbid_other_fields(node):
    """Return a document whose objects may have no undescribed fields."""
    if isinstance(node, list):
        return [forbid_other_fields(each) for each in node]
    if not isinstance(node, dict):
        return node
    more = {"additionalProperties": False} if isinstance(node.get("properties"), dict) else {}
    return {**more, **{key: forbid_other_fields(value) for key, value in node.items()}}
