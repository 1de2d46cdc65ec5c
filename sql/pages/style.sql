create or replace function energy.page_style() returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return $css$
:root {
    color-scheme: light dark;
    --page: #f3f5f7; --card: #fff; --text: #1a2430; --soft: #52606e; --line: #d3dae1; --grid: #e4e9ed;
    --accent: #1f5fa8; --band: #c5d8ee; --solar: #9a5b00; --good: #1a6b3a; --warn: #855000; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
    :root {
        --page: #10151b; --card: #1a212a; --text: #e7ecf1; --soft: #a4b1bd; --line: #3a4653; --grid: #2a343f;
        --accent: #82b7f2; --band: #2c4a6b; --solar: #f0b95a; --good: #6fcf97; --warn: #f2b956; --bad: #ff9188;
    }
}
* { box-sizing: border-box; }
body {
    margin: 0; background: var(--page); color: var(--text); font: 1rem/1.45 system-ui, sans-serif;
    overflow-wrap: break-word;
}
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding-top: 1rem; }
header .brand { font-weight: 700; letter-spacing: .02em; }
header .who { margin-left: auto; color: var(--soft); }
footer { padding-bottom: 2rem; color: var(--soft); font-size: .875rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 1rem 0 .25rem; }
h2 { font-size: 1.125rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p { margin: .25rem 0 .75rem; }
a { color: var(--accent); }
.soft { color: var(--soft); }
.skip { position: absolute; left: -999rem; background: var(--card); padding: .5rem 1rem; }
.skip:focus { left: .5rem; top: .5rem; z-index: 1; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.tiles {
    display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
    margin: 1rem 0; padding: 0;
}
.tiles > div {
    background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--line); border-radius: .5rem;
    padding: .75rem;
}
.tiles dt { color: var(--soft); font-size: .875rem; }
.tiles dd { margin: 0; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles dd + dd { font-size: .875rem; color: var(--soft); line-height: 1.45; }
.tiles .good { border-left-color: var(--good); } .tiles .warn { border-left-color: var(--warn); }
.tiles .bad { border-left-color: var(--bad); }
.mark { font-weight: 600; white-space: nowrap; }
.mark.good { color: var(--good); } .mark.warn { color: var(--warn); } .mark.bad { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9375rem; }
caption { text-align: left; color: var(--soft); padding: 0 0 .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--grid); }
thead th { color: var(--soft); font-weight: 600; font-size: .8125rem; border-top: 0; vertical-align: bottom; }
tbody th { font-weight: 600; }
.numbers tbody th { white-space: nowrap; }
header nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
th small { display: block; font-weight: 400; }
td small { display: block; min-width: 12rem; }
small { color: var(--soft); font-size: .8125rem; }
.numbers td, .numbers thead th + th { text-align: right; }
.numbers td:last-child { padding-right: 0; }
time { white-space: nowrap; }
button, select, textarea, input {
    font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: .375rem;
    padding: .35rem .75rem; max-width: 100%;
}
button { cursor: pointer; margin: 0 .375rem .375rem 0; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--card); font-weight: 600; }
button[disabled] { opacity: .6; cursor: default; }
form.choice > div { min-width: 0; max-width: 100%; }
form.choice { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: .5rem 0 1rem; }
label { display: block; font-size: .875rem; color: var(--soft); }
dialog {
    background: var(--card); color: var(--text); border: 1px solid var(--line); border-radius: .5rem; padding: 1.25rem;
    width: min(32rem, calc(100vw - 2rem));
}
dialog::backdrop { background: rgb(0 0 0 / .5); }
dialog textarea { width: 100%; min-height: 5rem; margin: .25rem 0 .75rem; display: block; }
.said:empty, .error:empty { display: none; }
.said, .error {
    border-left: .3rem solid var(--good); padding: .5rem .75rem; background: var(--card); margin: 1rem 0;
}
.error { border-color: var(--bad); padding-right: 0; }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: .875rem; }
.chart { display: grid; grid-template-columns: 2.75rem minmax(0, 1fr); margin: .5rem 0; }
.chart svg { display: block; width: 100%; overflow: visible; }
.chart .plot, .chart .values { height: 15rem; }
.chart .times { height: 1.5rem; grid-column: 2; }
.chart text { fill: var(--soft); font-size: .75rem; }
.chart .values text { text-anchor: end; dominant-baseline: middle; }
.plot path, .plot line { fill: none; vector-effect: non-scaling-stroke; }
.plot line { stroke: var(--grid); } .plot .now { stroke: var(--soft); stroke-dasharray: 4 4; }
.plot .band { fill: var(--band); stroke: none; }
.plot .median { stroke: var(--accent); stroke-width: 2; } .plot .measured { stroke: var(--text); stroke-width: 2; }
.plot .solar { stroke: var(--solar); stroke-width: 2; }
.key {
    display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: .25rem 0;
    font-size: .875rem;
}
.key svg { width: 1.5rem; height: .625rem; margin-right: .375rem; }
.key line { stroke-width: 3; }
.key .median { stroke: var(--accent); } .key .measured { stroke: var(--text); } .key .solar { stroke: var(--solar); }
.key .band { fill: var(--band); }
.bar { display: block; width: 100%; max-width: 12rem; min-width: 3rem; height: .5rem; margin: .25rem 0 .25rem auto; }
.bar rect { fill: var(--accent); }
summary { cursor: pointer; color: var(--accent); padding: .25rem 0; }
.heat { border-collapse: separate; border-spacing: 1px; font-size: .75rem; }
.heat th, .heat td { padding: .2rem; border: 0; text-align: center; white-space: nowrap; }
.heat tbody th { text-align: left; padding-right: .5rem; }
.heat td { border-radius: 2px; background: var(--page); }
.heat .q1 { background: color-mix(in srgb, var(--accent) 6%, var(--card)); }
.heat .q2 { background: color-mix(in srgb, var(--accent) 12%, var(--card)); }
.heat .q3 { background: color-mix(in srgb, var(--accent) 18%, var(--card)); }
.heat .q4 { background: color-mix(in srgb, var(--accent) 24%, var(--card)); }
.heat .q5 { background: color-mix(in srgb, var(--accent) 30%, var(--card)); }
.heat .q6 { background: color-mix(in srgb, var(--accent) 36%, var(--card)); }
.heat .q7 { background: color-mix(in srgb, var(--accent) 42%, var(--card)); }
.heat .q8 { background: color-mix(in srgb, var(--accent) 48%, var(--card)); }
@media (max-width: 40rem) {
    .minor { display: none; }
    .tiles { gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
    .tiles > div { padding: .5rem .625rem; }
    .tiles dd { font-size: 1.375rem; }
    .chart text { font-size: .6875rem; }
    .numbers { font-size: .8125rem; }
    .numbers th, .numbers td { padding-right: .375rem; }
    .numbers .bar { min-width: 2rem; max-width: 4rem; }
    caption { max-width: calc(100vw - 4rem); }
    section { padding: .75rem; }
    .chart .plot, .chart .values { height: 12rem; }
    /* On phones, table rows are shown as cards. */
    .cards thead { position: absolute; left: -999rem; }
    .cards tr, .cards th { display: block; border: 0; padding: .1rem 0; text-align: left; }
    .cards td { display: inline-block; border: 0; padding: .1rem 1rem .1rem 0; }
    .cards tr { border-top: 1px solid var(--line); padding: .6rem 0; }
    .cards td[data-head]::before { content: attr(data-head) ": "; color: var(--soft); }
}
@media (prefers-reduced-motion: no-preference) { button { transition: opacity .2s; } }
@media print { button, .choice, .skip { display: none; } }
$css$;
comment on function energy.page_style() is
    'The stylesheet of all pages. It is embedded in each page and allowed by its hash in the policy.';
revoke all on function energy.page_style() from public;
