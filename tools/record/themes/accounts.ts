// In: a world. Out: what happens to accounts: new handles, deactivation and return, takedown and its reversal, deletion.
import type { World } from "../world.ts";
import type { Account } from "../writes.ts";

/** An account takes two new handles, and its first one goes to somebody else. */
export async function newHandles(world: World): Promise<void> {
  const account = world.anyone();
  const left = account.handle;
  const stem = `new-${world.random.below(1_000_000)}`;
  for (const handle of [`${stem}.test`, `${stem}-2.test`]) {
    await world.network.call("com.atproto.identity.updateHandle", { auth: account.auth, input: { handle } });
    account.handle = handle;
    await world.post(account);
  }
  await world.post(await world.join(left));
}

export async function deactivationAndReturn(world: World): Promise<void> {
  const account = world.anyone();
  await world.retire(account);
  await deactivate(world, account);
  await liveOn(world, account);
  await world.network.call("com.atproto.server.activateAccount", { auth: account.auth, emptyProcedure: true });
  world.welcomeBack(account);
  await world.post(account);
}

export async function deactivationForGood(world: World): Promise<void> {
  const account = await newcomer(world);
  await world.retire(account);
  await deactivate(world, account);
}

export async function takedownAndReversal(world: World): Promise<void> {
  const account = world.anyone();
  await world.retire(account);
  await takeDown(world, account, true);
  await liveOn(world, account);
  await takeDown(world, account, false);
  world.welcomeBack(account);
  await world.post(account);
}

export async function takedownForGood(world: World): Promise<void> {
  const account = await newcomer(world);
  await world.retire(account);
  await takeDown(world, account, true);
}

export async function deletion(world: World): Promise<void> {
  const account = await newcomer(world);
  const { pds } = world.network;
  // The PDS drops a deleted account's events: they have to have arrived before.
  await world.capture.reached((await pds.ctx.sequencer.curr()) ?? 0);
  await world.retire(account);
  await world.network.call("com.atproto.admin.deleteAccount", { auth: "admin", input: { did: account.did } });
}

/** A new account that has written something and is known to others. */
async function newcomer(world: World): Promise<Account> {
  const account = await world.join();
  const post = await world.post(account);
  await world.like(account, world.somePost());
  await world.follow(account, world.other(account).did);
  await world.like(world.other(account), post);
  await world.follow(world.other(account), account.did);
  return account;
}

async function deactivate(world: World, { auth }: Account): Promise<void> {
  await world.network.call("com.atproto.server.deactivateAccount", { auth, input: {} });
}

async function takeDown(world: World, { did }: Account, applied: boolean): Promise<void> {
  const subject = { $type: "com.atproto.admin.defs#repoRef", did };
  const takedown = applied ? { applied, ref: "recording" } : { applied };
  await world.network.call("com.atproto.admin.updateSubjectStatus", { auth: "admin", input: { subject, takedown } });
}

/** Others go on with the posts of somebody who is away. */
async function liveOn(world: World, { did }: Account): Promise<void> {
  await world.follow(world.anyone(), did);
  await world.like(world.anyone(), world.somePost());
}
