-- A net below the domain's own rule. In a file of its own: a rebuild folds keys in any order, so its sums may be negative
-- on the way, and this comes last, before the swap.
ALTER TABLE stock ADD CONSTRAINT stock_never_oversold CHECK (on_hand >= reserved AND reserved >= 0);
