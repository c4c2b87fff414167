"""What differs from the base commit on purpose, each in one line with its reason beside it. Whatever is not here must be the same."""

# A series of metrics.csv or a key of summary.json that has a new name: {old: new}. The new one must hold the old one's values; where
# the old name is still written as an alias, it must hold them too.
RENAMED = {
    "gradient_norm": "update_norm",  # it is the norm of what is applied, not of a gradient
    "gradient_norm2": "exact_gradient_norm2",  # the mean of the squared norm of the exact gradient
}

# Members that the base does not have: no job can compare them until a later commit is the base.
NEW_MEMBERS = {"doublesqueeze", "per-layer", "powersgd"}

# What the present program writes beyond the base: regular expressions that match a whole name of a series, a key or a file, or a
# whole line of a message or of standard output.
ADDED = [
    # Members that the base does not have, with their arguments.
    r"  (doublesqueeze|per-layer|powersgd) .*",
    # --plugin, in the help of train.
    r" +--plugin arg +file of a plug-in with compressors, models, data ?",
    r" +sets, … of its own; may be given several times",
    r"      (rules\.\.\.|rank)  .*",
    r"      inner\.\.\.  how both ends compress: .*",
]

# Lines of messages and of standard output that say it in other words: (regular expression that matches the base's whole line, the
# present text; \\1 is the first group).
REWORDED = [
    # The field's term, as in the rest of the program.
    (r"(.*all ranks, )merged( by each.*)", r"\1aggregated\2"),
    # The field's name of an exchange.
    (r"(.*, exchange )local((?::1)?)", r"\1hierarchical\2"),
    (r"  local           agents of one node (.*)", r"  hierarchical    agents of one node \1"),
    # They are known beside the others.
    (r"(.*Option 'bogus' does not exist \(known: .* --overwrite)( --replicas .*)", r"\1 --plugin\2"),
    (r"(.*known: bernoulli), (ef, .*ntopk), (qsgd.*)", r"\1, doublesqueeze, \2, per-layer, powersgd, \3"),
    # A header's bytes are others: wire version 5 has the control flags in one of their own.
    (r"(.* bucket 1 has checksum )[0-9a-f]{8} \(expected [0-9a-f]{8}(: its header or its 4096 payload bytes.*)",
     r"\1e5ca50ba (expected e16812d1\2"),
]

# A value of summary.json that is spelled in another way: {key: {old value: new value}}.
RESPELLED = {
    "exchange": {"local": "hierarchical", "local:1": "hierarchical:1"},  # the field's name; the earlier one is an alias
}
