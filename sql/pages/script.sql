create or replace function energy.page_script() returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return $js$
'use strict';
// Buttons with data-call ask for a text in the dialog, post it, and show the answer. Each minute what is shown is
// fetched anew, unless somebody is at work on it. Without a script all of it can be read.
const dialog = document.querySelector('dialog');
const form = dialog.querySelector('form');
const text = dialog.querySelector('textarea');
const error = dialog.querySelector('.error');
const said = document.querySelector('.said');
let asked = null;

const post = (call, body) => fetch(call, {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});

async function refresh() {
    const answer = await fetch(location.href, {headers: {Accept: 'text/html'}, cache: 'no-store'});
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const part of document.querySelectorAll('[data-live]')) {
        const newer = page.getElementById(part.id);
        // What somebody has opened stays as it is.
        if (newer && !part.querySelector('details[open]') && !part.isEqualNode(newer)) part.replaceWith(newer);
    }
}

document.addEventListener('click', async event => {
    const button = event.target.closest('button[data-call]');
    if (!button) return;
    if (button.dataset.call === 'logout') {
        await post('logout', {});
        location.reload();
        return;
    }
    asked = button.dataset;
    dialog.querySelector('h2').textContent = asked.title;
    dialog.querySelector('label').textContent = asked.label;
    dialog.querySelector('button.main').textContent = asked.verb;
    text.required = asked.optional === undefined;
    text.value = '';
    error.textContent = '';
    dialog.showModal();
});

dialog.querySelector('[data-cancel]').addEventListener('click', () => dialog.close());

form.addEventListener('submit', async event => {
    event.preventDefault();
    const send = dialog.querySelector('button.main');
    send.disabled = true;
    error.textContent = '';
    try {
        const answer = await post(asked.call, {...JSON.parse(asked.body), [asked.field]: text.value});
        if (answer.ok) {
            dialog.close();
            said.textContent = asked.done;
            await refresh();
            said.focus();
        } else {
            const fault = await answer.json();
            error.textContent = [fault.message, fault.hint].filter(Boolean).join('. ');
        }
    } catch (fault) {
        error.textContent = 'No response: ' + fault.message;
    } finally {
        send.disabled = false;
    }
});

setInterval(() => {
    const at = document.activeElement;
    if (!dialog.open && !document.hidden && (!at || !at.closest('[data-live]'))) refresh().catch(() => {});
}, 60000);
$js$;
comment on function energy.page_script() is
$$The script of the operator's page: decisions with a reason, and live refresh of sections. It is embedded in the page
and allowed by its hash in the policy.$$;
revoke all on function energy.page_script() from public;
