#!/usr/bin/env bash
# Both towers, step by step, as the shipped weights were made (about two hours on two shared cores).
set -euo pipefail
cd "$(dirname "$0")"

# A convnet learns the pictures quickly; with it the concepts' targets part a little.
python train_images.py --tower convnet --steps 3500 --stop 1000 --out convnet
python train_images.py --tower convnet --steps 1300 --lr 1.7e-3 --seed 7 --start convnet --out convnet2

# The ViT: alone, on half of the patches; then with the convnet as its teacher; then on whole pictures.
python train_images.py --tower vit --steps 2200 --keep 0.5 --floor 0.5 --lr 1e-3 --out vit_direct
python train_images.py --tower vit --steps 2000 --keep 0.5 --floor 0.4 --lr 1.2e-3 --seed 11 --start vit_direct --teacher convnet2 --out vit_taught
python train_images.py --tower vit --steps 1100 --lr 7e-4 --seed 13 --threads 2 --start vit_taught --teacher convnet2 --out vit_final

# The text tower: onto the teacher's anchors; onto the parted targets; then it must find the pictures.
python train_text.py --steps 2600 --stop 1000 --floor 0.3 --out text_anchor
python train_text.py --steps 2800 --floor 0.02 --lr 1e-3 --start text_anchor --targets convnet2 --out text_names
python train_text.py --steps 2300 --stop 500 --batch 704 --lr 1.5e-3 --threads 2 --start text_names --targets convnet2 --pictures vit_final --out text_pairs
python train_text.py --steps 950 --batch 704 --lr 1.4e-3 --threads 2 --seed 3 --start text_pairs --targets convnet2 --pictures vit_final --out text_last
python export.py --image vit_final --text text_last
