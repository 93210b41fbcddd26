"""The inline mailing machine and its meter: feed, weigh, rate, debit, sign, print, inspect."""
