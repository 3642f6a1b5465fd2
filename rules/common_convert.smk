"""The functions that give the rule of converting documents its inputs and params.

Needs: what rules/common.smk defines.
Makes: no file.
"""

from lexome import convertplan


def documents_to_convert(wildcards):
    """The files and folders to convert."""
    return convertplan.documents_of(config)


def loose_documents(wildcards):
    """The files in those folders, those beside a text, and the definition of the tags: an edit to one reruns the rule."""
    return convertplan.loose_files(config)


def conversion_settings(wildcards):
    """The form, and how the documents are read and parted."""
    return convertplan.convert_settings(config)
