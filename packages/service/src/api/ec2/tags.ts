/** CreateTags and DeleteTags, of security groups. */
import { Fault } from '../../errors.ts'
import type { Tag } from '../../model/group.ts'
import { checkMembersTag } from '../../model/security-groups.ts'
import { checkTags } from '../../model/tags.ts'
import { put } from '../../ports/records.ts'
import type { ActionContext } from '../action.ts'
import { untilWritten, write } from '../writing.ts'
import { groupById } from './find.ts'
import type { Ec2Operation } from './groups.ts'
import { element, listOf, type Parameters, refuseDryRun, refuseOthers, structuresOf } from './wire.ts'

/** The tags of a security group after adding. Throws `InvalidParameterValueException`, `TagQuotaPerResourceExceeded`. */
export const groupTags = (present: readonly Tag[], added: readonly Parameters[]): readonly Tag[] => {
  const tags = checkTags(
    present,
    added.map((tag) => ({ Key: tag.get('Key') ?? '', Value: tag.get('Value') ?? '' })),
  )
  checkMembersTag(tags)
  return tags
}

const change = async (
  parameters: Parameters,
  context: ActionContext,
  changed: (tags: readonly Tag[], given: readonly Parameters[]) => readonly Tag[],
): Promise<string> => {
  refuseOthers(parameters, ['ResourceId', 'Tag'])
  const [ids, given] = [listOf(parameters, 'ResourceId'), structuresOf(parameters, 'Tag')]
  if (ids.length === 0) throw new Fault('MissingParameter', 'The request must contain the parameter resourceIdSet')
  const groups = async () => Promise.all([...new Set(ids)].map((id) => groupById(context, id)))
  return untilWritten('the tags', async () => {
    const found = await groups()
    const operations = found.map(({ key, value }) => put(key, { ...value, tags: changed(value.tags, given) }))
    refuseDryRun(parameters)
    const conditions = found.map(({ condition }) => condition)
    if (!(await write(context, conditions, operations, []))) return null
    await context.enforced?.()
    return element('return', true)
  })
}

export const createTags: Ec2Operation = (parameters, context) =>
  change(parameters, context, (tags, given) => {
    if (given.length === 0) throw new Fault('MissingParameter', 'The request must contain the parameter tagSet')
    return groupTags(tags, given)
  })

/** Without a value a tag goes whatever its value is; without any tag all go, as in EC2. */
export const deleteTags: Ec2Operation = (parameters, context) =>
  change(parameters, context, (tags, given) => {
    if (given.length === 0) return []
    const leaves = ({ key, value }: Tag): boolean =>
      given.some((tag) => tag.get('Key') === key && (tag.get('Value') === undefined || tag.get('Value') === value))
    return tags.filter((tag) => !leaves(tag))
  })
