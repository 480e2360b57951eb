/** Flows whose runs are under way in every possible state when the process dies: at an effect, in a retry, at a timer, at a join. */

const retry = 'retry: { attempts: 6, backoff: exponential, base: 20ms, max: 200ms, jitter: 0.2 }'

export const CRASH_FLOWS: readonly string[] = [
  `
flow: chain
input: { type: object, required: [item, sink], properties: { item: { type: string }, sink: { type: string } } }
steps:
  - { id: first, type: echo, with: "\${input.item}" }
  - id: deliver
    type: http
    with: { method: POST, url: "\${input.sink}/deliver/\${input.item}", body: { item: "\${steps.first.output}" } }
    ${retry}
    timeout: 500ms
  - { id: last, type: echo, with: "\${steps.deliver.output.body.delivered}" }
output: "\${steps.last.output}"
`,
  `
flow: diamond
steps:
  - { id: start, type: echo, with: 1 }
  - id: left
    type: http
    after: [start]
    with: { method: POST, url: "\${input.sink}/deliver/\${input.item}-left" }
    ${retry}
    timeout: 500ms
  - id: right
    type: http
    after: [start]
    with: { method: POST, url: "\${input.sink}/deliver/\${input.item}-right" }
    ${retry}
    timeout: 500ms
  - { id: join, type: echo, after: [left, right], with: done }
output: "\${steps.join.output}"
`,
  `
flow: pause
steps:
  - { id: later, type: wait, with: { for: 150ms } }
  - id: deliver
    type: http
    after: [later]
    with: { method: POST, url: "\${input.sink}/deliver/\${input.item}" }
    ${retry}
    timeout: 500ms
`,
]

export const CRASH_FLOW_NAMES = ['chain', 'chain', 'chain', 'diamond', 'pause'] as const
