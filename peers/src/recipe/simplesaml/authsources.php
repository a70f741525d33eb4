<?php

$user = fn($name, ...$groups) => ['uid' => [$name], 'mail' => ["$name@example.test"], 'groups' => $groups];
$config = [
    'password' => [
        'exampleauth:UserPass',
        'alice:alicepass' => $user('alice', 'admins', 'dev'),
        'bob:bobpass' => $user('bob', 'dev'),
    ],
];
