import type { TagListMessage } from '@aws-sdk/client-elasticache'
import { invalidValue } from '../../../../errors.ts'
import type { Tag } from '../../../../model/group.ts'
import { unchanged } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { untilWritten, write } from '../../../writing.ts'
import { findResource } from './resource.ts'

export const tagList = (tags: readonly Tag[]): TagListMessage => ({
  TagList: tags.map((tag) => ({ Key: tag.key, Value: tag.value })),
})

/**
 * Changes the tags of a resource and of those that follow it, all or none, and answers with the tags of the resource.
 * `generation` of a group stays: its controller has nothing to carry out.
 */
export const changeTags = async (
  context: ActionContext,
  arnText: string | undefined,
  change: (tags: readonly Tag[], follower: boolean) => readonly Tag[],
): Promise<TagListMessage> => {
  const resourceName = requiredText('ResourceName', arnText)
  return untilWritten(`the tags of ${resourceName}`, async () => {
    const resource = await findResource(context, resourceName)
    if (resource.kind === 'default') throw invalidValue(`${resource.name} is reserved and cannot be modified.`)
    const { main, followers } = resource
    const tags = change(main.tags, false)
    const written = await write(
      context,
      [main, ...followers].map((each) => unchanged(each.record)),
      [main.retag(tags), ...followers.map((each) => each.retag(change(each.tags, true)))],
      [],
    )
    return written ? tagList(tags) : null
  })
}
