"""The paper's published means, as text that can be read against its pages.

Eelbode, Bertels et al., "Optimization for Medical Image Segmentation: Theory and Practice when evaluating with Dice
Score or Jaccard Index", IEEE TMI 2020, arXiv:2010.13499: Tables I to VII and B.1. The same numbers lie in
`data/paper/tables.csv`; a test holds the two equal. They are kept here so that an installed report has them.

Table I prints a Jaccard index of .598 for soft Dice L1 on PO18 where Tables II and III print .559; both stand as
printed.
"""

from functools import cache

from kerasmetricloss.reports.layouts import layout_of

ALIASES = {"sDice": "sDice-L1", "sDice-L1": "sDice"}
ITS_NETWORK = {"po18": "deeplab"}  # all other data sets without a network in their name had a U-Net
SEARCH_ORDER = ("II", "III", "I", "IV", "V", "VI", "VII", "B.1")


@cache
def published_tables() -> dict[str, dict[tuple[str, str, str], float]]:
    """All tables: table number -> (measure, data set, loss) -> mean.

    Example:
        >>> published_tables()["II"]["dice", "BR18", "sDice"]
        0.87
    """
    tables: dict[str, dict[tuple[str, str, str], float]] = {}
    for block in _TEXT.strip().split("\n\n"):
        head, *lines = block.splitlines()
        _, name, *losses = head.split()
        if losses[0] == "sTversky-:":
            losses = [f"sTversky-{weights}" for weights in losses[1:]]
        for line in lines:
            measure, dataset, *means = line.split()
            for loss, mean in zip(losses, means, strict=True):
                tables.setdefault(name, {})[measure, dataset, loss] = float(mean)
    return tables


def published_mean(
    measure: str, dataset: str, loss: str, *, label: str | None = None, recipe: str | None = None
) -> tuple[float, str] | None:
    """The paper's mean and the number of the table that prints it; None where the paper has none.

    Args:
        measure: name of the metric.
        dataset: name of the data set, in any case; with a network, as in "po18-unet", None unless it is the paper's.
        loss: the paper's name of the loss; "sDice" and "sDice-L1" are the same.
        label: region of the multi-class experiment (All, WT, TC, ET), else None.
        recipe: name of the recipe whose table is looked at first.

    Example:
        >>> published_mean("dice", "po18", "CE"), published_mean("dice", "br18", "CE", label="ET")
        ((0.635, 'II'), (0.498, 'VI'))
        >>> published_mean("dice", "br18-multi", "sDice", label="WT"), published_mean("dice", "po18-0.05", "CE")
        ((0.849, 'VI'), (0.627, 'V'))
        >>> published_mean("dice", "po18-deeplab", "CE"), published_mean("dice", "po18-unet", "CE")
        ((0.635, 'II'), None)
    """
    tables = published_tables()
    base, _, variant = dataset.removesuffix("-multi").partition("-")
    own = variant == ITS_NETWORK.get(base.casefold(), "unet")
    name = (base if own else dataset.removesuffix("-multi")).upper() + (f"-multi-{label}" if label else "")
    first = layout_of(recipe or "").paper
    for table in [*([first] if first else []), *SEARCH_ORDER]:
        for known in (loss, ALIASES.get(loss)):
            if (measure, name, known) in tables[table]:
                return tables[table][measure, name, known], table
    return None


_TEXT = """
table I sDice-L1 sDice-L2
dice BR18 0.870 0.869
dice IS17 0.362 0.358
dice IS18 0.538 0.525
dice MO17 0.944 0.943
dice PO18 0.656 0.639
dice WM17 0.712 0.708
dice WM17DM 0.717 0.703
jaccard BR18 0.780 0.780
jaccard IS17 0.244 0.245
jaccard IS18 0.407 0.395
jaccard MO17 0.897 0.896
jaccard PO18 0.598 0.567
jaccard WM17 0.571 0.566
jaccard WM17DM 0.577 0.563

table II CE wCE sDice sJaccard Lovasz
dice BR18 0.848 0.808 0.870 0.868 0.871
dice IS17 0.281 0.310 0.362 0.363 0.357
dice IS18 0.463 0.487 0.538 0.528 0.508
dice MO17 0.942 0.903 0.944 0.942 0.944
dice PO18 0.635 0.602 0.656 0.651 0.649
dice WM17 0.672 0.492 0.712 0.712 0.700
dice WM17DM 0.671 0.383 0.717 0.714 0.711
jaccard BR18 0.751 0.695 0.780 0.780 0.784
jaccard IS17 0.191 0.212 0.244 0.246 0.245
jaccard IS18 0.345 0.357 0.407 0.399 0.382
jaccard MO17 0.894 0.835 0.897 0.896 0.896
jaccard PO18 0.541 0.488 0.559 0.554 0.553
jaccard WM17 0.530 0.355 0.571 0.573 0.558
jaccard WM17DM 0.529 0.273 0.577 0.576 0.572

table III sTversky-: 0.1/0.9 0.2/0.8 0.3/0.7 0.4/0.6 0.5/0.5 0.6/0.4 0.7/0.3 0.8/0.2 0.9/0.1 0.75/0.75 1.0/1.0
dice BR18 0.801 0.844 0.859 0.863 0.870 0.867 0.857 0.831 0.787 0.871 0.868
dice IS17 0.352 0.345 0.374 0.374 0.362 0.346 0.356 0.345 0.293 0.371 0.363
dice IS18 0.481 0.522 0.533 0.540 0.538 0.527 0.519 0.490 0.445 0.528 0.528
dice MO17 0.907 0.928 0.936 0.941 0.944 0.942 0.938 0.932 0.902 0.944 0.942
dice PO18 0.615 0.628 0.638 0.647 0.656 0.651 0.647 0.633 0.611 0.646 0.651
dice WM17 0.581 0.649 0.689 0.700 0.712 0.706 0.693 0.660 0.565 0.712 0.712
dice WM17DM 0.599 0.668 0.696 0.709 0.717 0.706 0.675 0.628 0.496 0.706 0.714
jaccard BR18 0.680 0.740 0.765 0.772 0.780 0.775 0.764 0.726 0.666 0.783 0.780
jaccard IS17 0.239 0.232 0.257 0.257 0.244 0.231 0.238 0.230 0.188 0.250 0.246
jaccard IS18 0.349 0.389 0.401 0.407 0.407 0.398 0.390 0.361 0.321 0.399 0.399
jaccard MO17 0.834 0.870 0.884 0.892 0.897 0.895 0.886 0.876 0.826 0.896 0.896
jaccard PO18 0.504 0.523 0.536 0.548 0.559 0.556 0.554 0.539 0.511 0.550 0.554
jaccard WM17 0.422 0.496 0.541 0.556 0.571 0.565 0.548 0.510 0.410 0.571 0.573
jaccard WM17DM 0.441 0.516 0.551 0.566 0.577 0.566 0.532 0.481 0.360 0.565 0.576

table IV CE sDice
accuracy BR18 0.997 0.998
accuracy IS17 0.995 0.993
accuracy IS18 0.989 0.988
accuracy WM17 0.999 0.999
accuracy WM17DM 0.999 0.999
hausdorff_mm BR18 22.673 22.911
hausdorff_mm IS17 73.102 47.043
hausdorff_mm IS18 42.994 33.366
hausdorff_mm WM17 34.210 34.806
hausdorff_mm WM17DM 30.526 28.695
avd_ml BR18 15.579 13.375
avd_ml IS17 21.042 35.895
avd_ml IS18 12.029 11.954
avd_ml WM17 5.628 3.895
avd_ml WM17DM 5.865 4.064

table V CE sDice
dice PO18-0.05 0.627 0.639
dice PO18-0.1 0.645 0.662
dice PO18-0.2 0.673 0.683
dice PO18-0.3 0.691 0.701
dice PO18-0.4 0.730 0.740
dice PO18-0.5 0.757 0.765
jaccard PO18-0.05 0.534 0.541
jaccard PO18-0.1 0.552 0.564
jaccard PO18-0.2 0.579 0.584
jaccard PO18-0.3 0.597 0.604
jaccard PO18-0.4 0.639 0.646
jaccard PO18-0.5 0.672 0.676

table VI CE wCE sDice sJaccard Lovasz
dice BR18-multi-All 0.639 0.665 0.740 0.747 0.716
dice BR18-multi-WT 0.798 0.799 0.849 0.859 0.858
dice BR18-multi-TC 0.620 0.636 0.725 0.737 0.692
dice BR18-multi-ET 0.498 0.560 0.646 0.645 0.598
jaccard BR18-multi-All 0.522 0.554 0.632 0.643 0.606
jaccard BR18-multi-WT 0.683 0.688 0.753 0.767 0.766
jaccard BR18-multi-TC 0.487 0.518 0.609 0.627 0.569
jaccard BR18-multi-ET 0.395 0.456 0.534 0.534 0.484

table VII sTversky-: 0.1/0.9 0.2/0.8 0.3/0.7 0.4/0.6 0.5/0.5 0.6/0.4 0.7/0.3 0.8/0.2 0.9/0.1 0.75/0.75 1.0/1.0
dice BR18-multi-All 0.649 0.702 0.725 0.739 0.740 0.738 0.709 0.704 0.649 0.741 0.747
dice BR18-multi-WT 0.771 0.822 0.844 0.853 0.849 0.848 0.826 0.816 0.757 0.858 0.859
dice BR18-multi-TC 0.652 0.703 0.724 0.735 0.725 0.725 0.687 0.686 0.623 0.731 0.737
dice BR18-multi-ET 0.525 0.582 0.606 0.631 0.646 0.642 0.614 0.611 0.568 0.634 0.645
jaccard BR18-multi-All 0.517 0.580 0.610 0.630 0.632 0.629 0.595 0.586 0.521 0.634 0.643
jaccard BR18-multi-WT 0.640 0.711 0.742 0.757 0.753 0.750 0.719 0.704 0.627 0.765 0.767
jaccard BR18-multi-TC 0.513 0.572 0.602 0.617 0.609 0.609 0.567 0.563 0.493 0.615 0.627
jaccard BR18-multi-ET 0.397 0.457 0.487 0.515 0.534 0.528 0.500 0.491 0.444 0.522 0.534

table B.1 sTversky-: 0.1/0.9 0.2/0.8 0.3/0.7 0.4/0.6 0.5/0.5 0.6/0.4 0.7/0.3 0.8/0.2 0.9/0.1 0.75/0.75 1.0/1.0
F0.5 BR18 0.739 0.806 0.841 0.853 0.878 0.890 0.896 0.894 0.879 0.878 0.877
F1.0 BR18 0.801 0.844 0.859 0.863 0.870 0.867 0.857 0.831 0.787 0.871 0.868
F1.5 BR18 0.850 0.874 0.875 0.873 0.867 0.855 0.837 0.798 0.741 0.869 0.865
F2.0 BR18 0.882 0.893 0.885 0.880 0.867 0.850 0.827 0.782 0.719 0.869 0.865
F0.5 IS17 0.316 0.318 0.358 0.372 0.368 0.367 0.387 0.382 0.363 0.367 0.362
F1.0 IS17 0.352 0.345 0.374 0.374 0.362 0.346 0.356 0.345 0.293 0.371 0.363
F1.5 IS17 0.398 0.384 0.402 0.393 0.378 0.351 0.360 0.342 0.274 0.394 0.384
F2.0 IS17 0.439 0.420 0.430 0.415 0.396 0.362 0.372 0.348 0.270 0.419 0.408
F0.5 IS18 0.411 0.468 0.495 0.516 0.528 0.528 0.539 0.543 0.530 0.521 0.520
F1.0 IS18 0.481 0.522 0.533 0.540 0.538 0.527 0.519 0.490 0.445 0.528 0.528
F1.5 IS18 0.551 0.573 0.571 0.568 0.555 0.537 0.517 0.470 0.413 0.544 0.544
F2.0 IS18 0.607 0.612 0.600 0.590 0.569 0.547 0.520 0.464 0.399 0.558 0.558
F0.5 MO17 0.866 0.900 0.918 0.930 0.943 0.948 0.951 0.954 0.948 0.943 0.942
F1.0 MO17 0.907 0.928 0.936 0.941 0.944 0.942 0.938 0.932 0.902 0.944 0.942
F1.5 MO17 0.936 0.947 0.949 0.948 0.945 0.940 0.930 0.919 0.876 0.945 0.944
F2.0 MO17 0.954 0.959 0.957 0.953 0.946 0.939 0.926 0.913 0.862 0.946 0.945
F0.5 PO18 0.588 0.609 0.625 0.644 0.664 0.664 0.671 0.669 0.664 0.656 0.657
F1.0 PO18 0.614 0.628 0.637 0.647 0.656 0.650 0.647 0.633 0.611 0.646 0.651
F1.5 PO18 0.643 0.651 0.654 0.658 0.660 0.651 0.641 0.620 0.591 0.650 0.656
F2.0 PO18 0.665 0.669 0.668 0.668 0.665 0.655 0.640 0.616 0.582 0.655 0.662
F0.5 WM17 0.498 0.592 0.659 0.690 0.724 0.742 0.761 0.759 0.720 0.723 0.730
F1.0 WM17 0.581 0.649 0.689 0.700 0.712 0.706 0.693 0.660 0.565 0.712 0.712
F1.5 WM17 0.657 0.700 0.718 0.713 0.711 0.692 0.660 0.615 0.501 0.712 0.708
F2.0 WM17 0.714 0.736 0.739 0.724 0.713 0.686 0.645 0.593 0.472 0.714 0.708
F0.5 WM17DM 0.521 0.617 0.671 0.709 0.736 0.758 0.759 0.752 0.647 0.731 0.736
F1.0 WM17DM 0.599 0.668 0.696 0.709 0.717 0.706 0.675 0.628 0.496 0.706 0.714
F1.5 WM17DM 0.670 0.713 0.722 0.717 0.712 0.682 0.636 0.574 0.436 0.697 0.707
F2.0 WM17DM 0.721 0.744 0.739 0.723 0.712 0.672 0.618 0.548 0.409 0.695 0.706
"""
