const FLOW_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export const FLOW_NAME_FORM =
  'up to 128 letters, digits, dots, hyphens or underscores, beginning with a letter or digit'

export function isFlowName(text: string): boolean {
  return FLOW_NAME.test(text)
}
