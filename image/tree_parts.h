/* tree_parts: what the files that gather a tree share. */
#ifndef INGOT_IMAGE_TREE_PARTS_H
#define INGOT_IMAGE_TREE_PARTS_H

#include "image/tree.h"

/* Adds an entry; from and data are the tree's from then on, also where it fails; entry.path is not looked at. */
int tree_add(struct tree *tree, const char *path, struct tree_entry entry, struct reason *why);

#endif
