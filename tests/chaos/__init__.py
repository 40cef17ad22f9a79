"""Runs under fire: workers killed and paused, Redis emptied, PostgreSQL restarted, and a verdict on what was promised.

make chaos                                        # 300 runs, 20 kills, 2 of each other fault: two to three minutes
make chaos ARGS="--runs 60 --kills 4 --seed 7"
make chaos ARGS=--fair                            # how much one tenant's thousand runs delay another's single one

Everything it hurts is its own: PostgreSQL, Redis, model and workers are started on free ports in a folder of their own.
"""
