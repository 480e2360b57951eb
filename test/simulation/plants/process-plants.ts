/** Bugs in how a process takes back what it showed before it was durable. Only histories with eager storage can tell. */
import { EagerPoolPartition } from '../../../connectors/log-memory/eager-pool-partition.ts'
import { MemoryProcess } from '../../../connectors/log-memory/process.ts'
import type { Plant } from './plant.ts'

export const vanishedRecordStays: Plant = {
  name: 'vanished-record-stays',
  meaning: 'of the records of a write that failed, tasks still see the first',
  install() {
    const { vanish } = MemoryProcess.prototype
    MemoryProcess.prototype.vanish = (tail) => {
      tail.splice(1)
    }
    return () => {
      MemoryProcess.prototype.vanish = vanish
    }
  },
}

export const effectBeforeDurable: Plant = {
  name: 'effect-before-durable',
  meaning: 'an executor takes every record that it sees for durable',
  install: () => replaceGetter('durableTo', () => Number.POSITIVE_INFINITY),
}

export const memberNotEnded: Plant = {
  name: 'member-not-ended',
  meaning: 'an executor that has read records which are gone goes on',
  install: () => replaceGetter('readTooFar', () => false),
}

function replaceGetter(name: 'durableTo' | 'readTooFar', get: () => unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(EagerPoolPartition.prototype, name)!
  Object.defineProperty(EagerPoolPartition.prototype, name, { ...original, get })
  return () => {
    Object.defineProperty(EagerPoolPartition.prototype, name, original)
  }
}
