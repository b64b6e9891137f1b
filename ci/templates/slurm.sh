#!/usr/bin/env bash
# Sixteen shards of one campaign:
#   shards=$(sbatch --parsable ci/templates/slurm.sh)
#   sbatch --dependency=afterany:"$shards" --wrap "lastcall merge parts/* --results results; lastcall gate results --policy gate.toml"
# A task that failed is run again, into another folder, by: sbatch --array=3 ci/templates/slurm.sh
# The results lie on a file system that all nodes see. Each is written by one node only.
#SBATCH --job-name=lastcall
#SBATCH --array=1-16
#SBATCH --cpus-per-task=2
set -euo pipefail
scenarios=${SCENARIOS:-scenarios/*.toml}
trials=${TRIALS:-1000} # of each scenario, over all shards
seed=${SEED:-1}
shards=${SHARDS:-16}
mkdir -p parts
code=0
# shellcheck disable=SC2086 # a glob
lastcall run $scenarios --trials "$trials" --seed "$seed" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
  --results "parts/$SLURM_ARRAY_TASK_ID-${SLURM_JOB_ID:-0}" || code=$?
# 1: a property failed; 3: something could not be judged. The gate decides on both.
case $code in 0 | 1 | 3) ;; *) exit "$code" ;; esac
