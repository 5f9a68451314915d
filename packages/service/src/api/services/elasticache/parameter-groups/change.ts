import type { ParameterNameValue } from '@aws-sdk/client-elasticache'
import { invalidCombination } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { Happening } from '../../../../model/events.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'
import { put, unchanged } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { specsOf, untilWritten, write } from '../../../writing.ts'
import { clusterSwitch } from './definitions.ts'
import { ownParameterGroup } from './find.ts'

type Values = ParameterGroupRecord['values']

const mostParameters = 20

/** Which parameters a request names, each once. Throws `InvalidParameterCombinationException`, `InvalidParameterValueException`. */
export const namedParameters = (entries: readonly ParameterNameValue[]): ReadonlyMap<string, string | undefined> => {
  if (entries.length > mostParameters) {
    throw awsTexts.tooManyParameters(mostParameters)
  }
  const named = new Map<string, string | undefined>()
  for (const entry of entries) {
    const name = requiredText('ParameterName', entry.ParameterName)
    if (named.has(name)) throw invalidCombination(`The parameter ${name} is named more than once.`)
    named.set(name, entry.ParameterValue)
  }
  return named
}

const checkClusterSwitch = async (context: ActionContext, group: ParameterGroupRecord, next: Values): Promise<void> => {
  if ((group.values[clusterSwitch] ?? 'no') === (next[clusterSwitch] ?? 'no')) return
  const user = (await specsOf(context)).find((spec) => spec.value.parameterGroup === group.name)
  if (user !== undefined) throw awsTexts.clusterModeFixed()
}

const same = (a: Values, b: Values): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value)

/**
 * Gives a parameter group new values, all or none. The controllers of the groups that use it watch its record.
 * Values that the user set are kept even where they are equal to the defaults: AWS shows them with the source `user`, and Terraform
 * asks for exactly those.
 */
export const changeValues = async (
  context: ActionContext,
  groupName: string | undefined,
  change: (group: ParameterGroupRecord) => { readonly values: Values; readonly events: readonly Happening[] },
): Promise<{ readonly CacheParameterGroupName: string }> => {
  const name = requiredText('CacheParameterGroupName', groupName)
  return untilWritten(`cache parameter group ${name}`, async () => {
    const record = await ownParameterGroup(context, name)
    const { values, events } = change(record.value)
    const result = { CacheParameterGroupName: record.value.name }
    if (same(record.value.values, values)) return result
    await checkClusterSwitch(context, record.value, values)
    const written = await write(context, [unchanged(record)], [put(record.key, { ...record.value, values })], events)
    return written ? result : null
  })
}
