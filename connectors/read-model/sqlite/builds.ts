/**
 * The projection that serves, and beside it the one that is built again to take its place. Both are fed; once the next has come as far as the one that
 * serves, it takes over its file.
 */
import { renameSync, rmSync } from 'node:fs'
import type { RunId } from '../../../schemas/ids.ts'
import { removeDatabase } from './database.ts'
import { type PartitionBatch, Projection, type ProjectionOptions } from './projection.ts'
import type { Build } from './protocol.ts'

export class Builds {
  readonly #options: ProjectionOptions
  #serving: Projection
  #next: Projection | null = null

  constructor(options: ProjectionOptions) {
    this.#options = options
    // Left behind by a process that ended while it was building.
    if (options.file !== ':memory:') removeDatabase(nextFile(options.file))
    this.#serving = new Projection(options)
  }

  get serving(): Projection {
    return this.#serving
  }

  get next(): Projection | null {
    return this.#next
  }

  /** By partition, where the build is that has come least far. */
  positions(): readonly number[] {
    const { positions } = this.#serving
    const next = this.#next?.positions
    return next === undefined ? positions : positions.map((offset, partition) => Math.min(offset, next[partition]!))
  }

  begin(): Projection {
    if (this.#next !== null) return this.#next
    const { file } = this.#options
    if (file !== ':memory:') removeDatabase(nextFile(file))
    this.#next = new Projection({ ...this.#options, file: file === ':memory:' ? file : nextFile(file), heads: [] })
    return this.#next
  }

  /** Returns the runs that ended in what is asked. What is for a next build that has taken over by now is for nobody. */
  apply(build: Build, parts: readonly PartitionBatch[]): readonly RunId[] {
    if (build === 'serving') return this.#serving.applyAll(parts)
    if (this.#next === null) return []
    this.#next.applyAll(parts)
    this.#takeOver()
    return []
  }

  recover(error: unknown): boolean {
    const recovered = this.#next?.recover(error) ?? false
    return this.#serving.recover(error) || recovered
  }

  close(): void {
    this.#serving.close()
    this.#next?.close()
  }

  #takeOver(): void {
    const next = this.#next!
    const { positions } = this.#serving
    if (!next.positions.every((offset, partition) => offset >= positions[partition]!)) return
    this.#serving.close()
    this.#next = null
    if (this.#options.file === ':memory:') {
      this.#serving = next
      return
    }
    // Closing leaves everything in the one file, which takes the other one's place in one step.
    next.close()
    const { file } = this.#options
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
    renameSync(nextFile(file), file)
    this.#serving = new Projection({ ...this.#options, heads: [] })
  }
}

const nextFile = (file: string): string => `${file}.next`
