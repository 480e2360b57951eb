/** Flow documents of the benchmarks. */

/** A chain of `steps` echo steps; the run's input passes through all of them. */
export function echoChain(flow: string, steps: number): object {
  const id = (number: number): string => `step${number}`
  return {
    flow,
    steps: Array.from({ length: steps }, (_, index) => ({
      id: id(index),
      type: 'echo',
      with: index === 0 ? '${input}' : `\${steps.${id(index - 1)}.output}`,
    })),
    output: `\${steps.${id(steps - 1)}.output}`,
  }
}

/** Waits for a day before it does anything. */
export const REMINDER = {
  flow: 'reminder',
  steps: [
    { id: 'later', type: 'wait', with: { for: '24h' } },
    { id: 'remind', type: 'echo', after: ['later'], with: '${input}' },
  ],
}
