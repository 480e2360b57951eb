import { logConformance } from '../../conformance/log/log-conformance.ts'
import { embeddedHarness } from './harness.ts'

logConformance('embedded', () => embeddedHarness())

// Everything at its smallest: all reads but the latest come from the file, and every commit sets off a fold and a checkpoint
logConformance('embedded, tiny limits', () =>
  embeddedHarness({
    tailRecords: 1,
    tailBytes: 1,
    foldBytes: 1,
    settleGroups: 3,
    settleAtOnce: 2,
    checkpointBytes: 1,
    tidyEveryMs: 20,
  }),
)
