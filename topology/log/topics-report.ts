/** What was found, and what is to be done or was done, so that a log's topics are as a deployment needs them. */
export interface TopicsReport {
  /** The deployment that is there; `null` if there is none yet. */
  readonly deployment: { readonly id: string; readonly name: string; readonly partitions: number } | null
  /** In the order in which they are carried out. */
  readonly steps: readonly TopicsReportStep[]
  /** The steps that change something were carried out. */
  readonly applied: boolean
  /** A process can be started as things are now. */
  readonly ready: boolean
}

export interface TopicsReportStep {
  /** `refuse`: would lose data, or is not ours to do; `missing`: does not exist and may not be created. */
  readonly kind: 'create' | 'alter' | 'refuse' | 'missing' | 'note'
  readonly topic: string
  readonly text: string
}
