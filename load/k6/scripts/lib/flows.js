/** Flow documents of the load tests. */

/** One step; what it hands on is small, whatever the input. */
export const INTAKE = 'flow: load-intake\nsteps:\n  - id: only\n    type: echo\n    with: { index: "${input.index}" }\n'

/** One step that hands the whole input on. */
export const PASS = 'flow: load-pass\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n'

/** Three steps in a row. */
export const CHAIN = `flow: load-chain
steps:
  - id: one
    type: echo
    with: "\${input}"
  - id: two
    type: echo
    with: "\${steps.one.output}"
  - id: three
    type: echo
    with: "\${steps.two.output}"
output: "\${steps.three.output}"
`

/** Holds a slot for a while. */
export const SLOW = 'flow: load-slow\nsteps:\n  - id: only\n    type: sleep\n    with: { ms: 200 }\n'

/** Ends as a dead letter. */
export const FAILING = `flow: load-failing
steps:
  - id: only
    type: fail
    with: { code: LOAD_TEST, message: "made to fail", class: permanent }
`
