#!/bin/sh
# The sum of the second column of a CSV file, its header left out.
awk -F, 'NR > 1 { sum += $2 } END { print sum }' "$1"
