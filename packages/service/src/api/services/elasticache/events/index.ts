import { describeEvents } from './describe.ts'

/** By their names in the model of AWS. */
export const eventsActions = {
  DescribeEvents: describeEvents,
} as const
