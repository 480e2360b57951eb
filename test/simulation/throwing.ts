/** Makes a processor throw after it has done all its work, for submissions of one flow: everything it did must be undone. */
import type { Decide, Processor } from '../../processors/turn.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'

export function throwingProcessors(processors: readonly Processor[], flow: string): readonly Processor[] {
  return processors.map((processor) => {
    const decide = processor.handlers.SubmitRun as Decide<SubmitRun> | undefined
    if (decide === undefined) return processor
    const throwing: Decide<SubmitRun> = (turn, record, source) => {
      decide(turn, record, source)
      if (record.flow === flow) throw new Error(`flow '${flow}' cannot be decided`)
    }
    return { ...processor, handlers: { ...processor.handlers, SubmitRun: throwing } }
  })
}
